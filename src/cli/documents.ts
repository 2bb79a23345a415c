import { print } from './command.js';
import { escaped } from './text.js';

/** Prints values as YAML, with `---` between them, or each as JSON; prints nothing of no values. */
export async function printDocuments(json: boolean, values: readonly object[]): Promise<void> {
  if (json) for (const value of values) print(true, value, () => '');
  else {
    const { stringify } = await import('yaml');
    const options = { aliasDuplicateObjects: false, lineWidth: 0 };
    const texts = values.map((value) => {
      const text = stringify(value, options);
      // escapes mean the same as the character only between double quotes
      return escaped(text) === text ? text : stringify(value, { ...options, defaultStringType: 'QUOTE_DOUBLE' });
    });
    print(false, values, () => texts.map((text) => text.trimEnd()).join('\n---\n'));
  }
}
