#!/usr/bin/env bash
# litert-torch on a transposed convolution of 3 taps that steps 2, the way up of every second U-Net: is it the same in TFLite?
#
# Guess, written down before: the same but for rounding, in a TRANSPOSE_CONV. So it is with 4 taps.
# Seen: it becomes a RESIZE_BILINEAR. Bilinear interpolation by two is a convolution of that shape, and the converter goes
# by the shape alone: the weights, which training set, are gone, and so is their number of channels. Nothing is said. The
# same layer without padding, cut to size afterwards, keeps its weights. Whoever converts should run the file beside the
# network before anybody else does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env # 2 GB; the first line keeps another 6 GB of CUDA away
env/bin/pip install --quiet 'torch==2.13.0+cpu' 2>/dev/null || env/bin/pip install --quiet torch==2.13.0
env/bin/pip install --quiet torch==2.13.0 litert-torch==0.10.0 litert-converter==0.5.0 ai-edge-litert==2.3.0

cat >convert.py <<'END'
import importlib.metadata
import warnings

import torch

warnings.simplefilter("ignore")
import litert_torch
from ai_edge_litert.interpreter import Interpreter

print(*(f"{name} {importlib.metadata.version(name)}" for name in ("litert-torch", "litert-converter", "torch")))


class Cut(torch.nn.ConvTranspose2d):
    """Without padding, and cut to size afterwards."""

    def forward(self, x):
        whole = torch.nn.functional.conv_transpose2d(x, self.weight, self.bias, self.stride)
        return whole[..., 1 : 1 + 2 * x.shape[-1]]


def tried(layer):
    x = torch.randn(1, 4, 1, 16)
    litert_torch.convert(layer.eval(), (x,)).export("layer.tflite")
    file = Interpreter("layer.tflite")
    operators = {one["op_name"] for one in file._get_ops_details()}
    file.allocate_tensors()
    file.set_tensor(file.get_input_details()[0]["index"], x.numpy())
    file.invoke()
    found, expected = torch.from_numpy(file.get_tensor(file.get_output_details()[0]["index"])), layer(x).detach()
    error = (found - expected).abs().max() if found.shape == expected.shape else tuple(found.shape)
    return operators & {"TRANSPOSE_CONV", "RESIZE_BILINEAR"}, error, tuple(expected.shape), expected.abs().max()


torch.manual_seed(0)
wide = {"kernel_size": (1, 3), "stride": (1, 2), "padding": (0, 1), "output_padding": (0, 1), "bias": False}
four = {"kernel_size": (1, 4), "stride": (1, 2), "padding": (0, 1), "bias": False}
layers = {
    "3 taps": torch.nn.ConvTranspose2d(4, 4, **wide),
    "3 taps, 4 channels to 6": torch.nn.ConvTranspose2d(4, 6, **wide),
    "3 taps, cut afterwards": Cut(4, 4, **wide),
    "4 taps": torch.nn.ConvTranspose2d(4, 4, **four),
}
results = {name: tried(layer) for name, layer in layers.items()}
for name, (operators, error, shape, peak) in results.items():
    told = f"shape {error} in place of {shape}" if isinstance(error, tuple) else f"largest error {error:.2g} of {peak:.2g}"
    print(f"{name}: {', '.join(operators)}, {told}")
(wrong, error, _, peak), (_, wrong_shape, shape, _), *right = results.values()
same = wrong == {"RESIZE_BILINEAR"} and error > 0.5 * peak and wrong_shape != shape
raise SystemExit(not (same and all(operators == {"TRANSPOSE_CONV"} and err < 1e-5 for operators, err, *_ in right)))
END
LITERT_TORCH_SHOW_PROGRESS=n env/bin/python convert.py 2>convert.log || {
	cat convert.log
	echo "that has changed"
	exit 1
}
