"""The admin panel: pages that the server renders, under /admin."""
