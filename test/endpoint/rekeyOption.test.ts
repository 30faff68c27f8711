/** When new keys are agreed on: the least that may be asked for, and what is not asked for stays as it is. */
import { expect, it } from 'vitest';
import { resolveRekey } from '../../src/endpoint/options/rekeyOption.ts';
import { defaultRekeyPolicy, type RekeyPolicy } from '../../src/transport/transport.ts';
import { refusalOf } from '../support/optionRows.ts';

const least: RekeyPolicy = { bytes: 16 * 1024, packets: 64, interval: 1000 };

it.each(Object.entries(least))(
  '%s is %d or more, or without a bound, and the others stay',
  async (name, low) => {
    for (const value of [low, low + 0.5, Number.POSITIVE_INFINITY]) {
      expect(resolveRekey({ [name]: value })).toEqual({ ...defaultRekeyPolicy, [name]: value });
    }
    for (const value of [low - 1, low - 0.001, 0, -low, Number.NaN]) {
      expect(await refusalOf(() => resolveRekey({ [name]: value }))).toMatchObject({
        message: `rekey.${name} must be a number of at least ${low}, not ${value}`,
      });
    }
  },
);

it('all of it is the default where nothing is given, or what is given is undefined', () => {
  expect(resolveRekey(undefined)).toBe(defaultRekeyPolicy);
  expect(resolveRekey({ bytes: undefined })).toEqual(defaultRekeyPolicy);
});
