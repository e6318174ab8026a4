import java.io.BufferedReader;
import java.io.InputStreamReader;
import software.amazon.event.ruler.Ruler;

/** Reads lines, a pattern and then an event, and prints for each pair whether the pattern matches the event. */
public final class Matches {
  public static void main(String[] args) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    for (String pattern; (pattern = lines.readLine()) != null; ) {
      System.out.println(Ruler.matchesRule(lines.readLine(), pattern));
    }
  }
}
