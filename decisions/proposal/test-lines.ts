/** What lines of a test say, in the ways of JUnit, ScalaTest, pytest, Go and the runners of JavaScript. */

export const ASSERTION =
  /\b(?:assert\w*|verify\w*|expect\w*|intercept|require\.\w+)\s*(?:\.\w+\s*)*[([{<]|^\s*assert\s|\b(?:should|must)\s+\w|\.(?:should|must)\w*\(|\bfail\s*\(|\bt\.(?:Error|Fatal)f?\(/;
/** True whatever the product does. */
export const TAUTOLOGY =
  /assert(?:That|True)?\s*\(\s*(?:true|Boolean\.TRUE|1\s*==\s*1)\b|assertFalse\s*\(\s*false\b|assertNull\s*\(\s*null\s*\)|assert(?:Equals|Same)\s*\(\s*([\w.]+)\s*,\s*\1\s*\)|expect\(\s*(true|false|\d+)\s*\)\.to(?:Be|Equal)\(\s*\2\s*\)|^\s*assert\s+(?:True|1)\b/;
export const TEST =
  /@(?:\w+\.)*(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property)\b|\b(?:it|test)\s*(?:\.\w+)?\s*\(\s*['"`]|^\s*(?:async\s+)?def\s+test_|^\s*func\s+Test\w*\(|\bdef\s+test\w*\s*[(:]|\bpublic\s+void\s+test\w*\s*\(/;
/** A test that may take for ever says less than one that may not. */
export const LIMITED = /@(?:\w+\.)*Timeout\b|\btimeout\w*\s*=|\bassertTimeout\w*\s*\(|\.timeout\(/;
