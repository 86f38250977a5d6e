"""The technical report: facts from the artifacts, one file of sentences a language, the same blocks as PDF and HTML."""
