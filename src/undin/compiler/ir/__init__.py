"""What a model is inside the compiler: a graph as ONNX has it, and the program that it becomes."""
