"""Bounces and complaints that come back by mail: which message they are about, and what they say."""
