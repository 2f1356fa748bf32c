"""The commands of `exosend`, one module each, so that each imports only what it needs."""
