"""What interpreter and runtime interface client cost by themselves."""


def handler(event, context):
    return event
