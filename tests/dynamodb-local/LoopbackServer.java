import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import com.amazonaws.services.dynamodbv2.local.server.DynamoDBProxyServer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * DynamoDB Local on 127.0.0.1 and a port that the system chooses; prints the port, and ends when its standard input does.
 *
 * <p>Its own main class listens on every interface, takes a fixed port that somebody else may have got meanwhile, and outlives
 * a test run that was killed. It has no option for any of these, so the connector is reached through its private field.
 */
public final class LoopbackServer {
  public static void main(String[] args) throws Exception {
    DynamoDBProxyServer dynamodb = ServerRunner.createServerFromCommandLineArgs(args);
    var field = DynamoDBProxyServer.class.getDeclaredField("server");
    field.setAccessible(true);
    var connector = (ServerConnector) ((Server) field.get(dynamodb)).getConnectors()[0];
    connector.setHost("127.0.0.1");
    connector.setPort(0);
    dynamodb.start();
    System.out.println("port " + connector.getLocalPort());
    System.in.transferTo(System.out);
    System.exit(0);
  }
}
