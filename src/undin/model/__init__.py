"""What a model file says of itself, its analysis and synthesis, loading it, and the weights that come with undin."""
