"""vidseq: a video becomes a sequence of frame features, the sequence becomes a label."""
