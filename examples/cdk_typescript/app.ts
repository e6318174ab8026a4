import { App, CfnOutput, CustomResource, DefaultStackSynthesizer, Fn, Stack } from 'aws-cdk-lib';
import { Table } from 'aws-cdk-lib/aws-dynamodb';

class Orders extends Stack {
  constructor(app: App) {
    super(app, 'orders', { synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) });
    const resource = new CustomResource(this, 'OrdersTable', {
      resourceType: 'Custom::DynamoDBTable',
      serviceToken: Fn.importValue('sentinel-TableServiceToken'),
      properties: {
        TableName: 'sentinel-orders',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'order_id', AttributeType: 'S' },
          { AttributeName: 'customer', AttributeType: 'S' },
        ],
        KeySchema: [{ AttributeName: 'order_id', KeyType: 'HASH' }],
        GlobalSecondaryIndexes: [
          {
            IndexName: 'by-customer',
            KeySchema: [{ AttributeName: 'customer', KeyType: 'HASH' }],
            Projection: { ProjectionType: 'ALL' },
          },
        ],
        RemovalPolicy: 'Delete',
      },
    });
    // The table for the rest of the app: table.grantReadData(fn), and so on.
    const table = Table.fromTableAttributes(this, 'Table', {
      tableArn: resource.getAttString('Arn'),
      globalIndexes: ['by-customer'],
    });
    new CfnOutput(this, 'TableName', { value: table.tableName });
  }
}

const app = new App({ outdir: 'cdk.out', analyticsReporting: false });
new Orders(app);
app.synth();
