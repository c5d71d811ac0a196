"""The REST API: what machines read and write of vendors, assessments, findings, contracts and gates."""
