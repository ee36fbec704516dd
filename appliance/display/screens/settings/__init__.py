"""The settings: a list of pages on the left, the chosen one beside it. One file a page."""
