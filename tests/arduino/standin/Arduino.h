/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * A thin stand-in of the Arduino API: what our sketches use of it, with the signatures of ArduinoCore-API, over the port of
 * a board of ours. With it sketches are compiled strictly and run in the emulator. */
#ifndef STANDIN_ARDUINO_H
#define STANDIN_ARDUINO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

unsigned long micros();
unsigned long millis();

void setup();
void loop();

class StandInSerial {
  public:
    void begin(unsigned long baud);
    explicit operator bool() const { return begun; }
    int available();
    int read();
    size_t write(uint8_t byte);
    size_t write(const uint8_t *bytes, size_t count);
    void flush();
    bool ended() const { return pending == END; }

  private:
    static constexpr int NOTHING = -1, END = -2;
    bool begun = false;
    int pending = NOTHING;
};

extern StandInSerial Serial;

#endif
