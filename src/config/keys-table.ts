import { either } from './phrases.js'
import { GatewayConfigSchema } from './schema.js'
import { alternatives, type SchemaNode } from './schema-node.js'

// The README's table of every key. Only `npm run schema` and a test need it.

/** A README with the table as the schema has it now, in place of what stands between `<!-- keys -->` and `<!-- /keys -->`. */
export function withKeysTable (readme: string): string {
  return readme.replace(/(?<=<!-- keys -->\n)[^]*?(?=<!-- \/keys -->)/, () => `\n${keysTable()}\n\n`)
}

function keysTable (): string {
  const head = ['| key | type | default | what it does |', '| --- | --- | --- | --- |']
  return [...head, ...rowsBelow(GatewayConfigSchema, '')].join('\n')
}

function rowsBelow (node: SchemaNode, path: string): string[] {
  return alternatives(node).flatMap(({ properties = {}, patternProperties = {}, required = [], items, isOverride, isRepeated }) => {
    if (isOverride || isRepeated) return []
    const values = Object.values(patternProperties).flatMap(value => rowsBelow(value, `${path}.<name>`))
    const keys = Object.entries(properties).flatMap(([name, key]) => {
      const keyPath = path === '' ? name : `${path}.${name}`
      return [row(key, keyPath, required.includes(name)), ...rowsBelow(key, keyPath)]
    })
    return [...keys, ...values, ...items === undefined ? [] : rowsBelow(items, `${path}[]`)]
  })
}

function row (node: SchemaNode, path: string, isRequired: boolean): string {
  const byDefault = node.default === undefined ? String(node.otherwise) : code(node.default)
  const cells = [`\`${path}\``, typeOf(node), isRequired ? 'required' : byDefault, String(node.description)]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** The type of a key in a few words. */
function typeOf ({ typeName, unit, const: value, enum: values, anyOf, type, items }: SchemaNode): string {
  if (typeName !== undefined) return typeName
  if (unit !== undefined) return unit
  if (value !== undefined) return code(value)
  if (values !== undefined) return either(values.map(code))
  if (anyOf !== undefined) return either(anyOf.map(typeOf))
  if (items !== undefined) return `list of ${typeOf(items)}s`
  return type === 'integer' ? 'number' : String(type)
}

function code (value: unknown): string {
  return `\`${JSON.stringify(value)}\``
}
