"""A strict model of AWS: states, limits, delays and refusals that no local engine shows, in the services' own words.

`region.FakeAWS` is what a test begins with: a region under real boto3 clients. `tables` answers for DynamoDB's tables
(`validation`: what is refused whatever the state; `settings`: the operations beside the table; `state`: what is true of
a table and how long its changes take), `eventbridge` and `kms` for the other two. `faults` says what goes wrong, and
`cases` are requests that DynamoDB refuses.
"""
