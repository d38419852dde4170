// SPDX-License-Identifier: Apache-2.0
// Copyright The tinyprune authors
//
// The stand-in's Serial and clock over the functions of a port of ours, which the build renames from tp_port_ to board_: sketches
// define the former themselves.
#include "Arduino.h"

extern "C" {
void board_init(void);
int board_read(void);
void board_write(const char *bytes, size_t count);
void board_flush(void);
uint64_t board_time_us(void);
}

StandInSerial Serial;

void StandInSerial::begin(unsigned long baud) { begun = baud == 115200; }

// Waits for a byte where a real one would say 0: an emulator need not run a loop that polls.
int StandInSerial::available() {
    if (pending == NOTHING) {
        const int byte = board_read();
        pending = byte < 0 ? END : byte;
    }
    return pending >= 0 ? 1 : 0;
}

int StandInSerial::read() {
    const int byte = available() > 0 ? pending : -1;
    if (byte >= 0) {
        pending = NOTHING;
    }
    return byte;
}

size_t StandInSerial::write(uint8_t byte) { return write(&byte, 1); }

size_t StandInSerial::write(const uint8_t *bytes, size_t count) {
    board_write(reinterpret_cast<const char *>(bytes), count);
    return count;
}

void StandInSerial::flush() { board_flush(); }

unsigned long micros() { return static_cast<unsigned long>(board_time_us()); }

unsigned long millis() { return static_cast<unsigned long>(board_time_us() / 1000); }

extern "C" int main() { // start-up code is C, and a freestanding compiler gives main no meaning of its own
    board_init();
    setup();
    while (!Serial.ended()) {
        loop();
    }
    return 0;
}
