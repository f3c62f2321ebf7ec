"""Voice agents: `undin.agents.livekit`, `undin.agents.pipecat` and `undin.agents.telephony`, each imported by itself.

`denoiser.py` is what the first two share, `concealment.py` fills what a telephone call has lost.
"""
