package patchwright.runner;

/** One flat JSON object, in ASCII: whatever a test is called, an event stays on one line. */
final class Json {
    private final StringBuilder text = new StringBuilder("{");

    Json put(String key, String value) {
        if (value == null) {
            return this;
        }
        key(key).append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c < 0x20 || c > 0x7e) {
                text.append(String.format("\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
        return this;
    }

    Json put(String key, long value) {
        key(key).append(value);
        return this;
    }

    private StringBuilder key(String key) {
        if (text.length() > 1) {
            text.append(',');
        }
        return text.append('"').append(key).append("\":");
    }

    @Override
    public String toString() {
        return text + "}";
    }
}
