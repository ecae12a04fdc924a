"""The conformance suite: clauses of UQSSP, MSCP and DUP that judge any controller.

Parts: `clause` says what a clause is, `clauses` has them, `target` is what a controller has to be to be judged,
`host` the small host that asks it, `suite` runs them, `report` tells.
"""
