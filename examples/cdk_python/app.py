from aws_cdk import App, CfnOutput, CustomResource, DefaultStackSynthesizer, Fn, Stack
from aws_cdk.aws_dynamodb import Table


class Orders(Stack):
    def __init__(self, app: App) -> None:
        super().__init__(app, "orders", synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False))
        resource = CustomResource(
            self,
            "OrdersTable",
            resource_type="Custom::DynamoDBTable",
            service_token=Fn.import_value("sentinel-TableServiceToken"),
            properties={
                "TableName": "sentinel-orders",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "order_id", "AttributeType": "S"},
                    {"AttributeName": "customer", "AttributeType": "S"},
                ],
                "KeySchema": [{"AttributeName": "order_id", "KeyType": "HASH"}],
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "by-customer",
                        "KeySchema": [{"AttributeName": "customer", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
                "RemovalPolicy": "Delete",
            },
        )
        # The table for the rest of the app: table.grant_read_data(function), and so on.
        table = Table.from_table_attributes(
            self, "Table", table_arn=resource.get_att_string("Arn"), global_indexes=["by-customer"]
        )
        CfnOutput(self, "TableName", value=table.table_name)


app = App(outdir="cdk.out", analytics_reporting=False)
Orders(app)
app.synth()
