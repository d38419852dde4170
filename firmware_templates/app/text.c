#include "text.h"

#include "port.h"

void tp_put(const char *text) {
    size_t count = 0;
    while (text[count] != '\0') {
        count++;
    }
    tp_port_write(text, count);
}

void tp_put_decimal(uint64_t value) {
    char digits[20]; /* 2^64 - 1 has 20 */
    size_t first = sizeof digits;
    do {
        first--;
        digits[first] = (char)('0' + (char)(value % 10));
        value /= 10;
    } while (value != 0);
    tp_port_write(&digits[first], sizeof digits - first);
}

void tp_put_hex(uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    const char pair[2] = {digits[byte >> 4], digits[byte & 15]};
    tp_port_write(pair, sizeof pair);
}

void tp_put_thousandths(int64_t thousandths) {
    uint64_t magnitude = (uint64_t)thousandths;
    if (thousandths < 0) {
        tp_put("-");
        magnitude = 0 - magnitude;
    }
    const unsigned fraction = (unsigned)(magnitude % 1000);
    const char tail[4] = {'.', (char)('0' + (char)(fraction / 100)), (char)('0' + (char)(fraction / 10 % 10)),
                          (char)('0' + (char)(fraction % 10))};
    tp_put_decimal(magnitude / 1000);
    tp_port_write(tail, sizeof tail);
}

bool tp_parse_decimal(const char *text, uint32_t *value) {
    uint64_t sum = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        sum = sum * 10 + (uint64_t)(*text - '0');
        if (sum > UINT32_MAX) {
            return false;
        }
    }
    *value = (uint32_t)sum;
    return true;
}

int tp_parse_hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}
