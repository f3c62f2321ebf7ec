"""Other processes of this machine."""

import ctypes
import os
import sys

SYNCHRONIZE = 0x00100000
WAIT_TIMEOUT = 0x102
"""The right to wait for a process of Windows, and what a wait of no time answers while it runs."""


def runs(process: int) -> bool:
    """Whether a process of this number runs; that of another user does, and so does one that nobody waited for yet."""
    if sys.platform == "win32":  # where os.kill ends a process, whatever the signal
        kernel = ctypes.WinDLL("kernel32")
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = ctypes.c_void_p(kernel.OpenProcess(SYNCHRONIZE, False, process))
        if not handle:
            return False
        try:
            return bool(kernel.WaitForSingleObject(handle, 0) == WAIT_TIMEOUT)
        finally:
            kernel.CloseHandle(handle)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        pass
    return True
