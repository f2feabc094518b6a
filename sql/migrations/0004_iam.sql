-- IAM: roles and policies, stored and returned. Nothing evaluates them yet. Global to an account, as in AWS: no region.

CREATE TABLE iam_role (
    account_id bigint NOT NULL REFERENCES account,
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    -- AROA followed by 17 upper-case letters and digits.
    role_id text NOT NULL,
    path text COLLATE "C" NOT NULL,
    -- As the client wrote it.
    trust_document text NOT NULL,
    description text,
    max_session_s integer NOT NULL CHECK (max_session_s BETWEEN 3600 AND 43200),
    permissions_boundary text,
    -- A JSON array of [key, value], in the client's order.
    tags jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT iam_role_pkey PRIMARY KEY (account_id, name)
);
-- "Names are not distinguished by case": two roles may not differ in case alone.
CREATE UNIQUE INDEX iam_role_name ON iam_role (account_id, lower(name));

-- Inline policies of a role.
CREATE TABLE iam_role_policy (
    account_id bigint NOT NULL,
    role_name text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    document text NOT NULL,
    CONSTRAINT iam_role_policy_pkey PRIMARY KEY (account_id, role_name, name),
    -- A role with inline policies cannot be deleted.
    CONSTRAINT iam_role_policy_role_fkey FOREIGN KEY (account_id, role_name) REFERENCES iam_role
);

-- Managed policies of the account. AWS's own (arn:aws:iam::aws:policy/...) are part of the program.
CREATE TABLE iam_policy (
    account_id bigint NOT NULL REFERENCES account,
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    -- ANPA followed by 17 upper-case letters and digits.
    policy_id text NOT NULL,
    path text COLLATE "C" NOT NULL,
    arn text COLLATE "C" NOT NULL,
    document text NOT NULL,
    description text,
    -- As in iam_role.
    tags jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT iam_policy_pkey PRIMARY KEY (account_id, arn)
);
CREATE UNIQUE INDEX iam_policy_name ON iam_policy (account_id, lower(name));

-- Managed policies attached to roles: the account's, or AWS's own.
CREATE TABLE iam_attachment (
    account_id bigint NOT NULL,
    role_name text COLLATE "C" NOT NULL,
    policy_arn text COLLATE "C" NOT NULL,
    policy_name text COLLATE "C" NOT NULL,
    -- NULL for AWS's own policies; otherwise the policy, which cannot be deleted while it is attached.
    own_policy_arn text COLLATE "C",
    CONSTRAINT iam_attachment_pkey PRIMARY KEY (account_id, role_name, policy_arn),
    CONSTRAINT iam_attachment_role_fkey FOREIGN KEY (account_id, role_name) REFERENCES iam_role,
    CONSTRAINT iam_attachment_policy_fkey FOREIGN KEY (account_id, own_policy_arn) REFERENCES iam_policy,
    CHECK (own_policy_arn IS NULL OR own_policy_arn = policy_arn)
);
CREATE INDEX iam_attachment_by_policy ON iam_attachment (account_id, policy_arn);

GRANT SELECT, INSERT, UPDATE, DELETE
    ON iam_role, iam_role_policy, iam_policy, iam_attachment TO tollgate_gateway;
