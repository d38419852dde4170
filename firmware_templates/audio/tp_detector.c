/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_detector.h"

#include <string.h>

void tp_detector_reset(tp_detector *detector) { memset(detector, 0, sizeof *detector); }

int32_t tp_detector_sum(const tp_detector *detector, int32_t class_number) {
    int32_t sum = 0;
    for (int32_t i = 0; i < detector->filled; i++) {
        sum += detector->scores[i][class_number];
    }
    return sum;
}

static void keep(tp_detector *detector, const int8_t scores[TP_AUDIO_CLASSES]) {
    memcpy(detector->scores[detector->next], scores, TP_AUDIO_CLASSES);
    detector->next = (uint8_t)(detector->next + 1 == TP_DETECTOR_SMOOTHED ? 0 : detector->next + 1);
    detector->filled = (uint8_t)(detector->filled < TP_DETECTOR_SMOOTHED ? detector->filled + 1 : TP_DETECTOR_SMOOTHED);
}

int32_t tp_detector_update(tp_detector *detector, const int8_t scores[TP_AUDIO_CLASSES], uint32_t hops) {
    keep(detector, scores);
    const bool held = detector->held && hops - detector->last_hops < TP_DETECTOR_HOLDOFF_HOPS;
    if (detector->filled < TP_DETECTOR_SMOOTHED || held) {
        return TP_DETECTOR_NOTHING;
    }
    int32_t best = 0;
    for (int32_t i = 1; i < TP_AUDIO_CLASSES; i++) {
        best = tp_detector_sum(detector, i) > tp_detector_sum(detector, best) ? i : best;
    }
    if (!tp_audio_is_word[best] || tp_detector_sum(detector, best) < TP_DETECTOR_THRESHOLD_SUM) {
        return TP_DETECTOR_NOTHING;
    }
    detector->held = true;
    detector->last_hops = hops;
    return best;
}

int32_t tp_detector_update_quiet(tp_detector *detector, uint32_t hops) {
    int8_t scores[TP_AUDIO_CLASSES];
    memset(scores, INT8_MIN, sizeof scores);
    return tp_detector_update(detector, scores, hops);
}
