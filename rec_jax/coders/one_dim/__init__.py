"""Coders of one dim: walks down a binary tree over the line, and dithering."""
