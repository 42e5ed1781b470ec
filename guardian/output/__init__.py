"""What services print: from their FIFOs into log files that keep to a quota, and read again from there."""
