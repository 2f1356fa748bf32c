"""Where the links in mails lead: the pixel, the redirect, and the page on which people unsubscribe. No token of the API
is needed, no cookie is read or set."""
