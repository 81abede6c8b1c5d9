// Records of the sources to the shape of the schema.

const TYPES = {
  TEXT: 'TEXT',
  TEXTAREA: 'TEXT',
  STRING: 'TEXT',
  NUMBER: 'NUMBER',
  BOOLEAN: 'BOOLEAN',
  DATE: 'DATE',
  DATE_TIME: 'DATE_TIME',
  EMAIL: 'EMAIL',
  PHONE: 'PHONE',
  URL: 'URL',
  SELECT: 'ENUM',
  MULTI_SELECT: 'ENUM',
  ENUM: 'ENUM',
  DROPDOWN: 'ENUM',
  REFERENCE: 'REFERENCE',
  JSON: 'JSON',
};

export function fromSamespace(record) {
  const held = record.properties;
  const firstName = text(held.firstName?.value);
  const lastName = text(held.lastName?.value);
  const email = text(held.email?.value);
  const phone = text(held.phoneNumber?.value);
  return {
    id: `SAMESPACE:${record._id}`,
    source: 'SAMESPACE',
    displayName: fullName(firstName, lastName) || text(held.name?.value) || email || phone,
    firstName,
    lastName,
    email,
    phone,
    company: text(held.company?.value),
    createdAt: text(held.createdAt?.value),
    held, // its properties are made when they are asked for
  };
}

export function properties(held) {
  const found = [];
  for (const key in held) {
    const { value, type } = held[key];
    found.push({ key, value, type: TYPES[type] ?? 'OTHER' });
  }
  return found;
}

export function fromPackageX(record) {
  const name = text(record.name);
  const email = text(record.email);
  const phone = text(record.phone);
  const trimmed = name ? name.trim() : '';
  const space = trimmed.indexOf(' ');
  return {
    id: `PACKAGEX:${record.id}`,
    source: 'PACKAGEX',
    displayName: name || email || phone,
    firstName: (space < 0 ? trimmed : trimmed.slice(0, space)) || null,
    lastName: space < 0 ? null : trimmed.slice(space + 1).trim() || null,
    email,
    phone,
    company: null,
    createdAt: seconds(record.created_at),
  };
}

export function fromSmartSender(record) {
  const firstName = text(record.firstName);
  const lastName = text(record.lastName);
  const email = text(record.email);
  const phone = text(record.phone);
  let company = null;
  for (const variable of record.variables) {
    if (variable.name.toLowerCase() === 'company') {
      company = text(variable.value);
      break;
    }
  }
  return {
    id: `SMART_SENDER:${record.id}`,
    source: 'SMART_SENDER',
    vendorId: record.id,
    displayName: text(record.fullName) || fullName(firstName, lastName) || email || phone,
    firstName,
    lastName,
    email,
    phone,
    company,
    createdAt: withoutZone(record.createdAt),
  };
}

export function group(record) {
  return { id: `PACKAGEX:${record.id}`, name: text(record.name), children: record.group_contacts.children };
}

export function chat(record) {
  let unreadMessages = 0;
  for (const gate of record.gates) unreadMessages += gate.unreadMessages ?? 0;
  return { id: `SMART_SENDER:${record.id}`, name: text(record.name), unreadMessages };
}

export function communication(gate) {
  const { channel } = gate;
  return {
    id: `SMART_SENDER:${gate.id}`,
    subscribed: gate.subscribed,
    channel: channel && { name: channel.name, type: channel.type },
  };
}

function text(value) {
  if (typeof value === 'string') return value || null;
  return typeof value === 'number' ? String(value) : null;
}

function fullName(first, last) {
  return first && last ? `${first} ${last}` : first || last;
}

function seconds(stamp) {
  return stamp == null ? null : new Date(stamp * 1000).toISOString().replace('.000Z', 'Z');
}

function withoutZone(stamp) {
  return stamp ? `${stamp.replace(' ', 'T')}Z` : null;
}
