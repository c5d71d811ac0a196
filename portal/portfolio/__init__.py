"""The whole picture of one organisation: figures and their lists, search across answers, fourth parties."""
