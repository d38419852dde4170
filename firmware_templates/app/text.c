/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "text.h"

#include "port.h"

void tp_put(const char *text) {
    size_t count = 0;
    while (text[count] != '\0') {
        count++;
    }
    tp_port_write(text, count);
}

/* The last decimal digit of the value, which loses it. In 16-bit steps: 64-bit division is 700 bytes of compiler library. */
static char cut_digit(uint64_t *value) {
    uint32_t rest = 0;
    uint64_t quotient = 0;
    for (int shift = 48; shift >= 0; shift -= 16) {
        const uint32_t part = rest << 16 | (uint32_t)(*value >> shift & 0xFFFF);
        quotient = quotient << 16 | part / 10;
        rest = part % 10;
    }
    *value = quotient;
    return (char)('0' + (char)rest);
}

void tp_put_decimal(uint64_t value) {
    char digits[20]; /* 2^64 - 1 has 20 */
    size_t first = sizeof digits;
    do {
        digits[--first] = cut_digit(&value);
    } while (value != 0);
    tp_port_write(&digits[first], sizeof digits - first);
}

void tp_put_hex(uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    const char pair[2] = {digits[byte >> 4], digits[byte & 15]};
    tp_port_write(pair, sizeof pair);
}

void tp_put_nano(int64_t nano) {
    uint64_t magnitude = (nano < 0 ? 0 - (uint64_t)nano : (uint64_t)nano) + 500000;
    for (int i = 0; i < 6; i++) {
        (void)cut_digit(&magnitude);
    }
    if (nano < 0 && magnitude != 0) {
        tp_put("-");
    }
    char tail[4] = {'.'};
    for (size_t i = sizeof tail - 1; i > 0; i--) {
        tail[i] = cut_digit(&magnitude);
    }
    tp_put_decimal(magnitude);
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
