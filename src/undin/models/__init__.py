"""What a model file says of itself, its analysis and synthesis, and the weights that come with undin."""
