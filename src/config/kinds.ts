import { Type, type Static, type TProperties, type TSchema } from 'typebox'
import type { Format } from './formats.js'
import { either } from './phrases.js'
import { DURATION, LONGEST_TIMEOUT, SIZE } from './units.js'

// The kinds of keys. A line of the schema names a key's kind, its description and, through Default or Optional, what
// holds without it; everything else follows from that. The keywords are those of schema-node.ts.

interface Words {
  /** Finishes the sentence "found …, must …". */
  errorMessage: string
  examples?: unknown[]
  /** The type in the README's table, where the kind does not say it well enough. */
  typeName?: string
}

type Details = Omit<Words, 'errorMessage'>

/** A key that may be left out: when the configuration is normalized, `value` is filled in. */
export function Default<T extends TSchema> (value: Static<T>, schema: T) {
  return Type.Optional(Type.With(schema, { default: value }))
}

/**
 * A key that may be left out and has no value then.
 *
 * @param otherwise what holds then, for the README's table
 */
export function Optional<T extends TSchema> (schema: T, otherwise = 'none') {
  return Type.Optional(Type.With(schema, { otherwise }))
}

/** `true` or `false`. */
export function Switch (description: string) {
  return Type.Boolean({ description, errorMessage: 'must be true or false' })
}

/** A whole number; `of` names what it counts where the description does not, such as seconds. */
export function Count (description: string, { least, most, of, ...details }: Details & { least: number, most?: number, of?: string }) {
  const range = most === undefined ? `${of === undefined ? '' : ` of ${of}`}, ${least} or more` : ` from ${least} to ${most}`
  return Type.Integer({
    description,
    minimum: least,
    ...(most !== undefined && { maximum: most }),
    ...(of !== undefined && { typeName: `number, ${of}` }),
    ...details,
    errorMessage: `must be a whole number${range}`
  })
}

/** A number that need not be whole. */
export function Fraction (description: string, { least, most, ...details }: Details & { least: number, most: number }) {
  return Type.Number({ description, minimum: least, maximum: most, ...details, errorMessage: `must be a number from ${least} to ${most}` })
}

/** Milliseconds, or text with a unit; milliseconds once it is normalized. */
export function Duration (description: string, { least = 1, ...details }: Details & { least?: 0 | 1 } = {}) {
  const errorMessage = `must be a duration of ${least} to ${LONGEST_TIMEOUT} ms: ` +
    'whole milliseconds (30000) or text such as "500ms", "30s", "1m", "1h", "1d"'
  const schema = Type.Union([
    Type.Integer({ minimum: least, maximum: LONGEST_TIMEOUT, errorMessage }),
    Type.String({ pattern: DURATION.source, format: least === 0 ? 'duration' : 'timeout', errorMessage })
  ], { description, ...details, errorMessage })
  return Type.With(schema, { unit: 'duration' })
}

const ANY_SIZE = { least: 0, errorMessage: 'must be a size: whole bytes (1024) or text such as "512b", "10kb", "10mb", "1gb"' }

/** Bytes, or text with a unit; bytes once it is normalized. A size with bounds has a format that keeps text within them. */
export function Size (description: string, { least, most, format, ...words }: Words & { least: number, most?: number, format?: Format } = ANY_SIZE) {
  const { errorMessage } = words
  const schema = Type.Union([
    Type.Integer({ minimum: least, ...(most !== undefined && { maximum: most }), errorMessage }),
    Type.String({ pattern: SIZE.source, ...(format && { format }), errorMessage })
  ], { description, ...words })
  return Type.With(schema, { unit: 'size' })
}

/** Text, with a pattern where one says it all, and with a format of ours where it does not. */
export function Text (description: string, { pattern, ...words }: Words & { pattern?: RegExp, format?: Format }) {
  return Type.String({ description, ...words, ...(pattern && { pattern: pattern.source }) })
}

/** One of a few words, or numbers. */
export function OneOf<Values extends Array<string | number>> (description: string, values: readonly [...Values]) {
  return Type.Enum(values, { description, errorMessage: `must be ${either(values.map((value) => JSON.stringify(value)))}` })
}

/** An object of texts by the names of header fields. */
export function Names (description: string, details: Details = {}) {
  const errorMessage = 'must be an object of headers such as { "retry-after": "600" }'
  return Type.Record(Type.String(), Type.String({ errorMessage: 'must be text' }), { description, ...details, errorMessage })
}

/** Any value that JSON has. */
export function Json (description: string, details: Details = {}) {
  return Type.Unknown({ description, typeName: 'text or JSON', ...details })
}

/** A list of whatever `items` are. */
export function List<T extends TSchema> (description: string, items: T, words: Words & { minItems?: number }) {
  return Type.Array(items, { description, ...words })
}

/**
 * A value that may be written in several ways. They must be told apart by their JSON type: at most one of them is an
 * object, at most one a list, and no other text stands beside a duration or a size.
 */
export function AnyOf<Types extends TSchema[]> (description: string, types: [...Types], words: Words) {
  return Type.Union(types, { description, ...words })
}

/** Text that is filled in for each request. */
export function Template (description: string, words: Words & { format: Format }) {
  return Type.With(Text(description, words), { isTemplate: true })
}

/** Text that may hold a password: no error shows it. */
export function Secret (description: string, words: Words & { pattern?: RegExp, format?: Format }) {
  return Type.With(Text(description, words), { isSecret: true })
}

/**
 * An object whose keys are up to whoever writes it.
 *
 * @param names what a key must be
 */
export function Dictionary<T extends TSchema> (description: string, values: T, { names, ...words }: Words & { names: Format }) {
  return Type.Record(Type.String(), values, { description, ...words, propertyNames: { type: 'string', format: names } })
}

/** An object with these keys and no others. */
export function Section<Keys extends TProperties> (description: string, keys: Keys, words: Words) {
  return Type.Object(keys, { description, ...words, additionalProperties: false })
}

/** A section, or `false` to switch it off. */
export function Switchable<T extends TSchema> (description: string, section: T, words: Words) {
  return AnyOf(description, [section, Type.Literal(false)], words)
}

/** A section that stands elsewhere as well, where the README's table has the rows of its keys. */
export function Repeated<T extends TSchema> (section: T) {
  return Type.With(section, { isRepeated: true })
}

/**
 * Any of the keys of a section, to be laid over that section where it stands for all routes. No default is filled in:
 * what is not said here holds as it is said there.
 *
 * @param partial by `Type.Partial`
 */
export function Overrides<T extends TSchema> (partial: T, errorMessage: string) {
  return Type.With(partial, { errorMessage, additionalProperties: false, isOverride: true })
}
