/** A schema as plain JSON Schema: the words that ours is made of, for code that walks it. */
export interface SchemaNode {
  $schema?: string
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: SchemaNode[]
  properties?: Record<string, SchemaNode>
  items?: SchemaNode
  pattern?: string
  format?: string
  description?: string
  default?: unknown
  examples?: unknown
  errorMessage?: string
}

/** The schema itself, or the alternatives when it is a choice. */
export function alternatives (node: SchemaNode): SchemaNode[] {
  return node.anyOf === undefined ? [node] : node.anyOf.flatMap(alternatives)
}
