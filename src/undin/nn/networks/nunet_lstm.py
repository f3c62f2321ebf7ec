"""The nested U-Net for phones (NUNet-LSTM): `nunet_tls.py` with its time in LSTMs instead of convolutions.

Cha et al., JKICS 2023: convolutions span one frame, and an LSTM over all bands stands at each bottleneck, so a step has
far fewer past frames to keep and to shift.
"""

from undin.nn.layers import Streaming
from undin.nn.networks.nunet_tls import NUNetTLS
from undin.nn.recurrent import FullBandRecurrent


class NUNetLSTM(NUNetTLS):
    """Enhance a spectrum by a mask in [0, 1] on its magnitude; the phase stays noisy. The bin at 0 Hz is set to zero.

    Parameters
    ----------
    n_fft, channels, middle_channels, compression
        As for `NUNetTLS`.
    units : int
        Units of every LSTM.
    """

    time_kernel = 1

    def __init__(
        self,
        *,
        sample_rate: int,
        n_fft: int,
        channels: int = 64,
        middle_channels: int = 32,
        compression: float = 0.3,
        units: int = 21,
    ):
        self.units = units
        super().__init__(
            sample_rate=sample_rate,
            n_fft=n_fft,
            channels=channels,
            middle_channels=middle_channels,
            compression=compression,
        )

    def make_bottleneck(self, channels: int, bands: int) -> Streaming:
        """Return the LSTM at the lowest step of the whole and of every small U-Net."""
        return FullBandRecurrent("lstm", channels, bands, hidden=self.units)
