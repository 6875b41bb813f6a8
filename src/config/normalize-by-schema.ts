import type { Static, TArray, TObject, TOptional, TProperties, TRecord, TSchema, TUnion } from 'typebox'
import { alternatives, type SchemaNode } from './schema-node.js'
import { parseDuration, parseSize } from './units.js'

/**
 * The type of a valid value once it is normalized: durations are milliseconds, sizes are bytes, and a key with a
 * default is always there. The markers are those that the kinds leave in the type of a schema.
 */
export type Normalized<T extends TSchema> =
  T extends { unit: string } ? number
    : T extends TObject<infer Keys> & { isOverride: true } ? { [K in keyof Keys]?: Normalized<Keys[K]> }
      : T extends TObject<infer Keys> ? NormalizedKeys<Keys>
        : T extends TRecord<string, infer Values> ? Record<string, Normalized<Values>>
          : T extends TArray<infer Items> ? Array<Normalized<Items>>
            : T extends TUnion<infer Types> ? Normalized<Types[number]>
              : Static<T>

type NormalizedKeys<Keys extends TProperties> = Flat<
  { [K in keyof Keys as IsAlwaysThere<Keys[K]> extends true ? K : never]: Normalized<Keys[K]> } &
  { [K in keyof Keys as IsAlwaysThere<Keys[K]> extends true ? never : K]?: Normalized<Keys[K]> }
>

type IsAlwaysThere<T extends TSchema> = T extends { default: unknown } ? true : T extends TOptional ? false : true

type Flat<T> = { [K in keyof T]: T[K] }

/** Brings a value, which must be valid by the schema, into its normalized form. The value itself is left as it is. */
export function normalizeBySchema<T extends TSchema> (schema: T, value: Static<T>): Normalized<T> {
  // The walk sees schemas and values at run time, where all that a compiler knows of them is gone: that it returns what
  // the type says is held together by normalize-by-schema.test.ts.
  return walk(schema, value) as Normalized<T>
}

function walk (node: SchemaNode, value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'number') {
    const unit = unitOf(node)
    if (unit === undefined) return value
    return unit === 'duration' ? parseDuration(value) : parseSize(value)
  }
  const shapes = alternatives(node)
  if (Array.isArray(value)) {
    const [items = {}] = shapes.flatMap(({ items }) => items ?? [])
    return value.map((item) => walk(items, item))
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const [values] = shapes.flatMap(({ patternProperties }) => Object.values(patternProperties ?? {}))
  if (values !== undefined) return Object.fromEntries(entries.map(([key, item]) => [key, walk(values, item)]))
  const [section] = shapes.filter(({ properties }) => properties)
  // Its keys are the user's own: header fields, JSON.
  if (section === undefined) return value
  return normalizeKeys(section, new Map(entries))
}

/** The unit of a text or a number; a choice may have other values beside it, such as `false`. */
function unitOf ({ unit, anyOf = [] }: SchemaNode): SchemaNode['unit'] {
  return unit ?? anyOf.map(unitOf).find((unit) => unit !== undefined)
}

function normalizeKeys ({ properties = {}, isOverride = false }: SchemaNode, values: Map<string, unknown>): object {
  // In code a key may be given as undefined, which is as good as not given.
  return Object.fromEntries(Object.entries(properties).flatMap(([key, node]) => {
    const value = values.get(key) ?? (isOverride ? undefined : node.default)
    return value === undefined ? [] : [[key, walk(node, value)]]
  }))
}
