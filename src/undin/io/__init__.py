"""Audio files in and out, files that appear complete or not at all, and the user's cache folder."""
