// JSON that gives back exactly what it was given.
//
// A number is kept as its text, so an integer of any size and a float of any precision survive a
// round trip; an object keeps the order of its keys. Strings are UTF-8.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

class Json {
public:
    using Array = std::vector<Json>;
    using Field = std::pair<std::string, Json>;
    using Object = std::vector<Field>;

    struct Number {
        std::string text;  // as it was written, such as -12, 1.50 or 6e23
    };

    Json() = default;  // null
    Json(bool value) : value_(value) {}
    Json(const char* text) : value_(std::string(text)) {}
    Json(std::string text) : value_(std::move(text)) {}
    Json(Number number) : value_(std::move(number)) {}
    Json(Array items) : value_(std::move(items)) {}
    Json(Object fields) : value_(std::move(fields)) {}

    template <typename T, typename = std::enable_if_t<std::is_integral_v<T>>>
    Json(T integer) : value_(Number{std::to_string(integer)}) {}

    // Json::object({{"type", "read_ok"}, {"messages", list}})
    static Json object(std::initializer_list<Field> fields) { return Json(Object(fields)); }

    // Reads one JSON value that fills the whole of `text`. Throws std::runtime_error.
    static Json parse(std::string_view text);

    // Writes the value on one line.
    std::string text() const {
        std::string out;
        write(out);
        return out;
    }

    bool is_null() const { return std::holds_alternative<std::monostate>(value_); }

    const std::string* as_string() const { return std::get_if<std::string>(&value_); }

    // The integer, if this is one and fits. Never rounds.
    std::optional<std::int64_t> as_int() const {
        const auto* number = std::get_if<Number>(&value_);
        if (!number) return std::nullopt;
        const char* end = number->text.data() + number->text.size();
        std::int64_t result = 0;
        const auto [stop, error] = std::from_chars(number->text.data(), end, result);
        if (error != std::errc() || stop != end) return std::nullopt;
        return result;
    }

    // The items of an array; of anything else, none.
    const Array& items() const {
        static const Array none;
        const auto* items = std::get_if<Array>(&value_);
        return items ? *items : none;
    }

    // The fields of an object; of anything else, none.
    const Object& fields() const {
        static const Object none;
        const auto* fields = std::get_if<Object>(&value_);
        return fields ? *fields : none;
    }

    bool has(std::string_view key) const { return find(key) != nullptr; }

    // body["message"] is the field, or null where there is none.
    const Json& operator[](std::string_view key) const {
        static const Json null;
        const Json* value = find(key);
        return value ? *value : null;
    }

    // Adds a field to an object, or replaces it. Anything else becomes an object first.
    void set(std::string key, Json value) {
        if (!std::holds_alternative<Object>(value_)) value_ = Object{};
        auto& fields = std::get<Object>(value_);
        for (auto& field : fields) {
            if (field.first == key) {
                field.second = std::move(value);
                return;
            }
        }
        fields.emplace_back(std::move(key), std::move(value));
    }

private:
    class Parser;

    const Json* find(std::string_view key) const {
        for (const auto& field : fields()) {
            if (field.first == key) return &field.second;
        }
        return nullptr;
    }

    void write(std::string& out) const {
        if (is_null()) {
            out += "null";
        } else if (const auto* flag = std::get_if<bool>(&value_)) {
            out += *flag ? "true" : "false";
        } else if (const auto* number = std::get_if<Number>(&value_)) {
            out += number->text;
        } else if (const auto* string = as_string()) {
            write_string(out, *string);
        } else if (std::holds_alternative<Array>(value_)) {
            char separator = '[';
            for (const auto& item : items()) {
                out += separator;
                item.write(out);
                separator = ',';
            }
            out += items().empty() ? "[]" : "]";
        } else {
            char separator = '{';
            for (const auto& field : fields()) {
                out += separator;
                write_string(out, field.first);
                out += ':';
                field.second.write(out);
                separator = ',';
            }
            out += fields().empty() ? "{}" : "}";
        }
    }

    static void write_string(std::string& out, const std::string& text) {
        out += '"';
        for (const char c : text) {
            if (c == '"' || c == '\\') {
                out += '\\';
                out += c;
            } else if (static_cast<unsigned char>(c) < 0x20) {
                // The line feed is one of these: one message must stay on one line.
                char escape[8];
                std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
                out += escape;
            } else {
                out += c;
            }
        }
        out += '"';
    }

    std::variant<std::monostate, bool, Number, std::string, Array, Object> value_;
};

class Json::Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Json whole() {
        Json result = value(0);
        skip_space();
        if (at_ < text_.size()) fail("nothing more");
        return result;
    }

private:
    // Nesting deeper than this is refused, so that hostile input cannot exhaust the stack.
    static constexpr int max_depth = 512;

    [[noreturn]] void fail(std::string_view expected) const {
        throw std::runtime_error("expected " + std::string(expected) + " at byte " +
                                 std::to_string(at_));
    }

    // The next byte, or 0 at the end: no JSON begins or goes on with a 0.
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    void skip_space() {
        while (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n') ++at_;
    }

    // Steps over `token` if it comes next.
    bool eat(std::string_view token) {
        if (text_.substr(at_, token.size()) != token) return false;
        at_ += token.size();
        return true;
    }

    void expect(std::string_view token) {
        if (!eat(token)) fail(token);
    }

    Json value(int depth) {
        if (depth > max_depth) fail("less nesting");
        skip_space();
        const char c = peek();
        if (c == '{') return object(depth);
        if (c == '[') return array(depth);
        if (c == '"') return string();
        if (c == '-' || digit(c)) return number();
        if (eat("null")) return Json();
        if (eat("true")) return Json(true);
        if (eat("false")) return Json(false);
        fail("a value");
    }

    Json array(int depth) {
        Array items;
        expect("[");
        skip_space();
        if (eat("]")) return items;
        while (true) {
            items.push_back(value(depth + 1));
            skip_space();
            if (eat("]")) return items;
            expect(",");
        }
    }

    Json object(int depth) {
        Object fields;
        expect("{");
        skip_space();
        if (eat("}")) return fields;
        while (true) {
            skip_space();
            std::string key = string();
            skip_space();
            expect(":");
            fields.emplace_back(std::move(key), value(depth + 1));
            skip_space();
            if (eat("}")) return fields;
            expect(",");
        }
    }

    static bool digit(char c) { return c >= '0' && c <= '9'; }

    Json number() {
        const auto start = at_;
        eat("-");
        if (!eat("0")) digits();  // JSON has no leading zeros
        if (eat(".")) digits();
        if (eat("e") || eat("E")) {
            if (!eat("+")) eat("-");
            digits();
        }
        return Number{std::string(text_.substr(start, at_ - start))};
    }

    void digits() {
        if (!digit(peek())) fail("a digit");
        while (digit(peek())) ++at_;
    }

    std::string string() {
        std::string out;
        expect("\"");
        while (!eat("\"")) {
            if (static_cast<unsigned char>(peek()) < 0x20) fail("the end of the string");
            if (eat("\\")) {
                escape(out);
            } else {
                out += text_[at_++];
            }
        }
        return out;
    }

    // What follows a backslash.
    void escape(std::string& out) {
        const char c = peek();
        ++at_;
        switch (c) {
            case '"': case '\\': case '/': out += c; return;
            case 'b': out += '\b'; return;
            case 'f': out += '\f'; return;
            case 'n': out += '\n'; return;
            case 'r': out += '\r'; return;
            case 't': out += '\t'; return;
            case 'u': append_utf8(out, unicode_escape()); return;
            default: fail("an escape before here");
        }
    }

    // \u00e9, or a surrogate pair such as \ud83d\ude00.
    std::uint32_t unicode_escape() {
        const std::uint32_t high = four_hex_digits();
        if (high < 0xd800 || high > 0xdfff) return high;
        expect("\\u");
        const std::uint32_t low = four_hex_digits();
        if (high > 0xdbff || low < 0xdc00 || low > 0xdfff) fail("a surrogate pair before here");
        return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }

    std::uint32_t four_hex_digits() {
        const auto digits = text_.substr(at_, 4);
        const char* end = digits.data() + digits.size();
        std::uint32_t code = 0;
        const auto [stop, error] = std::from_chars(digits.data(), end, code, 16);
        if (error != std::errc() || stop != digits.data() + 4) fail("four hexadecimal digits");
        at_ += 4;
        return code;
    }

    static void append_utf8(std::string& out, std::uint32_t code) {
        const auto byte = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
        const auto tail = [&](int shift) { byte(0x80 | ((code >> shift) & 0x3f)); };
        if (code < 0x80) {
            byte(code);
        } else if (code < 0x800) {
            byte(0xc0 | (code >> 6));
            tail(0);
        } else if (code < 0x10000) {
            byte(0xe0 | (code >> 12));
            tail(6);
            tail(0);
        } else {
            byte(0xf0 | (code >> 18));
            tail(12);
            tail(6);
            tail(0);
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

inline Json Json::parse(std::string_view text) { return Parser(text).whole(); }
