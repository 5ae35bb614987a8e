"""Reports that many tests send."""

# only the required fields
SMALLEST_REPORT = {"DATE OCC": "01/15/2023 02:30:00 PM", "TIME OCC": 1430, "AREA": 1}
