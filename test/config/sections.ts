import { Ajv } from 'ajv'
import type { TSchema } from 'typebox'
import { explain } from '../../src/config/explain.js'
import { formats } from '../../src/config/formats.js'
import { KEYWORDS } from '../../src/config/schema-node.js'

/** The mistakes in a section by its schema alone, each with its path in it. */
export function mistakesInSection (schema: TSchema, value: unknown): string[] {
  const ajv = new Ajv({ allErrors: true, verbose: true })
  ajv.addVocabulary([...KEYWORDS])
  for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, text => validate(text) === undefined)
  const validate = ajv.compile(schema)
  validate(value)
  const told = explain(validate.errors ?? [], new Map())
  return told.filter(({ path }, nth) => told.findIndex(other => other.path === path) === nth).map(({ path, message }) => `${path}: ${message}`)
}
