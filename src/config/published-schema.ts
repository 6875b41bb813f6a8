import { GatewayConfigSchema } from './schema.js'
import type { SchemaNode } from './schema-node.js'

/** The schema of routes.json as the text of `routes.schema.json`, for editors and other tools. */
export function publishedSchema (): string {
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'routes.json', ...publish(GatewayConfigSchema) }
  return `${JSON.stringify(schema, null, 2)}\n`
}

/**
 * Our own keywords and formats mean nothing to others, and an unknown format is an error to some; `errorMessage` is
 * known to editors. What holds without a key that overrides another is not its default.
 */
function publish ({ format, unit, isOverride, isRepeated, isTemplate, isSecret, otherwise, typeName, ...node }: SchemaNode): SchemaNode {
  const { properties, patternProperties, propertyNames, items, anyOf } = node
  return {
    ...node,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, value]) =>
        [key, publish(isOverride ? { ...value, default: undefined } : value)]))
    }),
    ...(patternProperties && { patternProperties: Object.fromEntries(Object.entries(patternProperties).map(([key, value]) => [key, publish(value)])) }),
    ...(propertyNames && { propertyNames: publish(propertyNames) }),
    ...(items && { items: publish(items) }),
    ...(anyOf && { anyOf: anyOf.map(publish) })
  }
}
