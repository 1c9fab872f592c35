"""The subject: values and rules. No Qt, SQL, thread, clock, file, log or pixels."""
