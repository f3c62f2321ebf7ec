/* wm8994.c: registers of 16 bits, by I2C, after Wolfson's data sheet of the WM8994: its chapters "Register map" and
 * "Example control sequences". Where both timeslots of the interface are on, a frame of I2S holds four slots: left of
 * timeslot 0, left of 1, right of 0, right of 1. Headphones hear timeslot 0, and timeslot 1 is what microphones say. */
#include "wm8994.h"

#include "board.h"
#include "delay.h"
#include "pins.h"

enum { ADDRESS = 0x1A, ID = 0x8994, TRIES = 1000000 };

typedef struct setting {
    uint16_t place, value;
    uint16_t then_ms; /* to wait */
} setting;

static const setting settings[] = {
    {0x0000, 0x0000, 10}, /* software reset */
    {0x0102, 0x0003, 0},  /* three that the data sheet does not name: ST's driver works around an erratum by them */
    {0x0817, 0x0000, 0},
    {0x0102, 0x0000, 0},

    /* What needs time: the middle voltage rises softly, then bias, headphone amplifiers, supply of microphones. */
    {0x0039, 0x006C, 0},  /* AntiPOP (2): VMID_RAMP soft, VMID_BUF_ENA, STARTUP_BIAS_ENA */
    {0x0001, 0x0013, 50}, /* Power Management (1): MICB1_ENA, VMID_SEL normal, BIAS_ENA */
    {0x0001, 0x0313, 0},  /* and HPOUT1L_ENA, HPOUT1R_ENA */
    {0x0060, 0x0022, 0},  /* Analogue HP (1): HPOUT1L_DLY, HPOUT1R_DLY */
    {0x004C, 0x9F25, 15}, /* Charge Pump (1): CP_ENA */

    /* The way out: timeslot 0 to DAC 1 to the amplifiers. */
    {0x0005, 0x0303, 0}, /* Power Management (5): AIF1DAC1L_ENA, AIF1DAC1R_ENA, DAC1L_ENA, DAC1R_ENA */
    {0x0601, 0x0001, 0}, /* DAC1 Left Mixer Routing: AIF1DAC1L_TO_DAC1L */
    {0x0602, 0x0001, 0}, /* DAC1 Right Mixer Routing: AIF1DAC1R_TO_DAC1R */
    {0x002D, 0x0001, 0}, /* Output Mixer (1): DAC1L_TO_MIXOUTL */
    {0x002E, 0x0001, 0}, /* Output Mixer (2): DAC1R_TO_MIXOUTR */
    {0x0003, 0x0030, 0}, /* Power Management (3): MIXOUTL_ENA, MIXOUTR_ENA */

    /* The way in: the microphones on DMICDAT2 to timeslot 1. */
    {0x0004, 0x0C30, 0}, /* Power Management (4): AIF1ADC2L_ENA, AIF1ADC2R_ENA, DMIC2L_ENA, DMIC2R_ENA */
    {0x0608, 0x0002, 0}, /* AIF1 ADC2 Left Mixer Routing: ADC2L_TO_AIF1ADC2L */
    {0x0609, 0x0002, 0}, /* AIF1 ADC2 Right Mixer Routing: ADC2R_TO_AIF1ADC2R */
    {0x0620, 0x0002, 0}, /* Oversampling: ADC_OSR128 */
    {0x0411, 0x1800, 0}, /* AIF1 ADC2 Filters: high-pass of a few Hz, left and right */
    {0x0404, 0x01EF, 0}, /* AIF1 ADC2 Left Volume: 17.6 dB, since speech from a metre is soft */
    {0x0405, 0x01EF, 0}, /* AIF1 ADC2 Right Volume */

    /* The interface: 16 kHz of 256 clocks, 16 bits, I2S, the chip's clock and frames. */
    {0x0210, 0x0033, 0}, /* AIF1 Rate: AIF1_SR, AIF1CLK_RATE */
    {0x0300, 0x4010, 0}, /* AIF1 Control (1): AIF1ADCR_SRC right, AIF1_WL 16 bits, AIF1_FMT I2S */
    {0x0302, 0x0000, 0}, /* AIF1 Master/Slave: slave */
    {0x0208, 0x000A, 0}, /* Clocking (1): AIF1DSPCLK_ENA, SYSDSPCLK_ENA */
    {0x0200, 0x0001, 0}, /* AIF1 Clocking (1): AIF1CLK_ENA, of MCLK1 */

    /* Amplifiers measure their offset, then open. */
    {0x0054, 0x0033, 260}, /* DC Servo (1): start-up of both channels */
    {0x0060, 0x00EE, 0},   /* Analogue HP (1): all stages, no short circuit */
    {0x0610, 0x01C0, 0},   /* DAC1 Left Volume: 0 dB */
    {0x0611, 0x01C0, 0},   /* DAC1 Right Volume */
    {0x001C, 0x0179, 0},   /* Left Output Volume: 0 dB, not muted */
    {0x001D, 0x0179, 0},   /* Right Output Volume */
    {0x0420, 0x0000, 0},   /* AIF1 DAC1 Filters (1): not muted */
};

void wm8994_open(void) {
    pin_set_function('H', 7, 4); /* I2C3 SCL */
    pin_set_function('H', 8, 4); /* I2C3 SDA */
    pin_set_open_drain('H', 7);
    pin_set_open_drain('H', 8);
    RCC_DCKCFGR2 |= RCC_DCKCFGR2_I2C3_HSI; /* 16 MHz, which runs since reset */
    RCC_APB1ENR |= RCC_APB1ENR_I2C3;
    (void)RCC_APB1ENR;
    I2C3_TIMINGR = I2C_TIMINGR_100_KHZ;
    I2C3_CR1 = I2C_CR1_PE;
}

/* Wait for one of some flags; 0 if none comes or the codec refuses. */
static int comes(uint32_t flags) {
    for (int i = 0; i < TRIES; ++i) {
        const uint32_t now = I2C3_ISR;
        if (now & I2C_ISR_NACKF) break;
        if (now & flags) return 1;
    }
    I2C3_ICR = I2C_ISR_NACKF | I2C_ISR_STOPF;
    return 0;
}

static int is_sent(const uint8_t *bytes, int count, uint32_t end, uint32_t last_flag) {
    I2C3_CR2 = I2C_CR2_ADDRESS(ADDRESS) | I2C_CR2_NBYTES(count) | I2C_CR2_START | end;
    for (int i = 0; i < count; ++i) {
        if (!comes(I2C_ISR_TXIS)) return 0;
        I2C3_TXDR = bytes[i];
    }
    if (!comes(last_flag)) return 0;
    I2C3_ICR = I2C_ISR_STOPF;
    return 1;
}

static int is_written(const setting *s) {
    const uint8_t bytes[] = {(uint8_t)(s->place >> 8), (uint8_t)s->place, (uint8_t)(s->value >> 8), (uint8_t)s->value};
    return is_sent(bytes, 4, I2C_CR2_AUTOEND, I2C_ISR_STOPF);
}

/* A register, or -1. */
static int read_register(uint16_t place) {
    const uint8_t bytes[] = {(uint8_t)(place >> 8), (uint8_t)place};
    int value = 0;
    if (!is_sent(bytes, 2, 0, I2C_ISR_TC)) return -1;
    I2C3_CR2 = I2C_CR2_ADDRESS(ADDRESS) | I2C_CR2_NBYTES(2) | I2C_CR2_RD_WRN | I2C_CR2_START | I2C_CR2_AUTOEND;
    for (int i = 0; i < 2; ++i) {
        if (!comes(I2C_ISR_RXNE)) return -1;
        value = value << 8 | (int)(I2C3_RXDR & 0xFF);
    }
    if (!comes(I2C_ISR_STOPF)) return -1;
    I2C3_ICR = I2C_ISR_STOPF;
    return value;
}

const char *wm8994_start(void) {
    if (read_register(0) != ID) return "the codec does not answer";
    for (const setting *s = settings; s < settings + sizeof settings / sizeof *settings; ++s) {
        if (!is_written(s)) return "the codec has stopped answering";
        delay_ms(s->then_ms);
    }
    return 0;
}
