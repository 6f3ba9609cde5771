CREATE TABLE public.address (
    address bytea NOT NULL,
    fingerprint text NOT NULL
);
CREATE TABLE public.answer (
    source text NOT NULL,
    address bytea NOT NULL,
    asked double precision NOT NULL,
    result text NOT NULL,
    method text NOT NULL,
    fingerprint text NOT NULL,
    reason text NOT NULL,
    expires bigint
);
CREATE TABLE public.approved (
    fingerprint text NOT NULL
);
CREATE TABLE public.certificate (
    fingerprint text NOT NULL,
    key_id text NOT NULL,
    origin text NOT NULL,
    updated bigint NOT NULL,
    proposed boolean NOT NULL,
    expires bigint,
    data bytea NOT NULL,
    verdict text NOT NULL
);
CREATE TABLE public.duty (
    name text NOT NULL,
    until double precision NOT NULL,
    done double precision
);
CREATE TABLE public.ledger (
    digest bytea NOT NULL,
    recipient bytea NOT NULL,
    recorded double precision NOT NULL
);
CREATE TABLE public.rejected (
    fingerprint text NOT NULL
);
CREATE TABLE public.schema_version (
    version bigint NOT NULL
);
CREATE TABLE public.state (
    name text NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE public.trace (
    number bigint NOT NULL,
    "time" double precision NOT NULL,
    id text NOT NULL,
    queue_id text NOT NULL,
    message_id text NOT NULL,
    sender text NOT NULL,
    recipient text NOT NULL,
    action text NOT NULL,
    rule text NOT NULL,
    reason text NOT NULL,
    fingerprint text NOT NULL,
    signed_by text NOT NULL,
    reply text NOT NULL,
    size bigint NOT NULL,
    sender_key text NOT NULL,
    recipient_key text NOT NULL,
    hash bytea NOT NULL,
    shadow boolean DEFAULT false NOT NULL
);
CREATE TABLE public.trace_chain (
    name text NOT NULL,
    number bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO public.address VALUES ('\x626f62406578616d706c652e6f7267', '81B637D8FCD2C6DA6359E6963113A1170DE795E4');
INSERT INTO public.address VALUES ('\x696461406578616d706c652e6f7267', 'BB6B24BF13999272B27006F7711965F77861A326');
INSERT INTO public.address VALUES ('\x657665406578616d706c652e6f7267', '85262ADF74518BBB70C7CB94CD6159D91669E5A8');
INSERT INTO public.address VALUES ('\x6f6c64406578616d706c652e6f7267', 'CBA06B5736FAF67E54B07B561EAE94395E774C51');
INSERT INTO public.certificate VALUES ('81B637D8FCD2C6DA6359E6963113A1170DE795E4', '3113A1170DE795E4', 'imported', 1700000000, false, NULL, '\x626f62', '[4,[["81B637D8FCD2C6DA6359E6963113A1170DE795E4","ed25519",1700000000,null,false,false,true],["4E597ED0711A3113696E9536AD6C2DCF8D736B18","cv25519",1700000000,null,true,false,true]],[["bob <bob@example.org>","bob@example.org",false]],false,[]]');
INSERT INTO public.certificate VALUES ('BB6B24BF13999272B27006F7711965F77861A326', '711965F77861A326', 'wkd', 1700000000, false, 1900000000, '\x696461', '[4,[["BB6B24BF13999272B27006F7711965F77861A326","ed25519",1700000000,1900000000,false,false,true],["623A16877F5691177F60072B27299931FB42B6BB","cv25519",1700000000,1900000000,true,false,true]],[["ida <ida@example.org>","ida@example.org",false]],false,[]]');
INSERT INTO public.certificate VALUES ('85262ADF74518BBB70C7CB94CD6159D91669E5A8', 'CD6159D91669E5A8', 'ldap', 1700000000, true, NULL, '\x657665', '[4,[["85262ADF74518BBB70C7CB94CD6159D91669E5A8","ed25519",1700000000,null,false,false,true],["8A5E96619D9516DC49BC7C07BBB81547FDA26258","cv25519",1700000000,null,true,false,true]],[["eve <eve@example.org>","eve@example.org",false]],false,[]]');
INSERT INTO public.certificate VALUES ('CBA06B5736FAF67E54B07B561EAE94395E774C51', '1EAE94395E774C51', 'imported', 1700000000, false, NULL, '\x6f6c64', '[4,[["CBA06B5736FAF67E54B07B561EAE94395E774C51","ed25519",1700000000,null,false,true,true],["15C477E59349EAE165B70B45E76FAF6375B60ABC","cv25519",1700000000,null,true,false,true]],[["old <old@example.org>","old@example.org",false]],false,["RSA of 1024 bits"]]');
INSERT INTO public.ledger VALUES ('\x7472616e73616374696f6e', '\x624076696c6c652e6578616d706c65', 1800000000);
INSERT INTO public.rejected VALUES ('3227FE6BDE46249B0AAE4B69EF6EFD806422A467');
INSERT INTO public.schema_version VALUES (3);
INSERT INTO public.state VALUES ('certificates', '\x800419ef6e329c9c510f2a23f58631aa');
INSERT INTO public.trace VALUES (3, 1800000003, 'id3', '4F', '<3@x>', 'a@hopital.example', 'b3@ville.example', 'seal', 'everyone', 'key found', 'ABABABABABABABABABABABABABABABABABABABAB', '', '250 2.0.0', 3, 'a@hopital.example', 'b3@ville.example', '\x42bd3c0c8f514316660cf0b7f304648b5e0003ed4c93065ef620a1609a7d6a9e', false);
INSERT INTO public.trace VALUES (4, 1800000004, 'id4', '4F', '<4@x>', 'a@hopital.example', 'b4@ville.example', 'seal', 'everyone', 'key found', 'ABABABABABABABABABABABABABABABABABABABAB', '', '250 2.0.0', 4, 'a@hopital.example', 'b4@ville.example', '\xa25bb351c63194f814dd5122047fc7c653d99f94589720a91af9d02b4e0fc1ef', false);
INSERT INTO public.trace VALUES (5, 1800000005, 'id5', '4F', '<5@x>', 'a@hopital.example', 'b5@ville.example', 'seal', 'everyone', 'key found', 'ABABABABABABABABABABABABABABABABABABABAB', '', '250 2.0.0', 5, 'a@hopital.example', 'b5@ville.example', '\x1c65d9e26d8cb7b664a7817706975482f6b4f93f72339db306c0371c1e2020af', false);
INSERT INTO public.trace_chain VALUES ('head', 5, '\x1c65d9e26d8cb7b664a7817706975482f6b4f93f72339db306c0371c1e2020af');
INSERT INTO public.trace_chain VALUES ('anchor', 2, '\x8cc33e8bbce32ab0db277c075399e4a2bdac0b097cd0a3dfe427b6ea6e115220');
ALTER TABLE ONLY public.address
    ADD CONSTRAINT address_pkey PRIMARY KEY (address, fingerprint);
ALTER TABLE ONLY public.answer
    ADD CONSTRAINT answer_pkey PRIMARY KEY (source, address);
ALTER TABLE ONLY public.approved
    ADD CONSTRAINT approved_pkey PRIMARY KEY (fingerprint);
ALTER TABLE ONLY public.certificate
    ADD CONSTRAINT certificate_pkey PRIMARY KEY (fingerprint);
ALTER TABLE ONLY public.duty
    ADD CONSTRAINT duty_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (digest, recipient);
ALTER TABLE ONLY public.rejected
    ADD CONSTRAINT rejected_pkey PRIMARY KEY (fingerprint);
ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.state
    ADD CONSTRAINT state_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.trace_chain
    ADD CONSTRAINT trace_chain_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.trace
    ADD CONSTRAINT trace_pkey PRIMARY KEY (number);
CREATE INDEX address_fingerprint ON public.address USING btree (fingerprint);
CREATE INDEX answer_asked ON public.answer USING btree (asked);
CREATE INDEX certificate_expires ON public.certificate USING btree (expires);
CREATE INDEX certificate_key_id ON public.certificate USING btree (key_id);
CREATE INDEX ledger_recorded ON public.ledger USING btree (recorded);
CREATE INDEX trace_id ON public.trace USING btree (id);
CREATE INDEX trace_recipient_key ON public.trace USING btree (recipient_key);
