resource "aws_cloudformation_stack" "orders" {
  name          = "orders"
  template_body = file("${path.module}/../orders.yaml")

  parameters = {
    SentinelStackName = "sentinel"
  }
}

output "orders_table" {
  value = aws_cloudformation_stack.orders.outputs["TableName"]
}
