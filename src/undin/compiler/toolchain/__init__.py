"""C compilers, called for a target; where their products are kept, laid out and measured."""
