"""Simulated rooms. (The image method follows; until then the bank is empty.)"""


def room_bank(config, *, sample_rate, seed):
    raise NotImplementedError
