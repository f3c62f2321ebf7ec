"""What the tests of compiled code measured, at the end of a run: instructions on emulated processors, sizes."""


def pytest_terminal_summary(terminalreporter):
    """List the properties that tests have recorded."""
    reports = terminalreporter.getreports("passed")
    lines = [f"{name}: {value}" for report in reports for name, value in getattr(report, "user_properties", ())]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
