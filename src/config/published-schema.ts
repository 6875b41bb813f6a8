import { GatewayConfigSchema } from './schema.js'

/** The schema of routes.json as the text of `routes.schema.json`, for editors and other tools. */
export function publishedSchema (): string {
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'routes.json', ...GatewayConfigSchema }
  return `${JSON.stringify(schema, publish, 2)}\n`
}

/** Formats of ours mean nothing to others, and an unknown one is an error to some. */
function publish (key: string, value: unknown): unknown {
  return key === 'format' && typeof value === 'string' ? undefined : value
}
